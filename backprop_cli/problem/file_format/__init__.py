"""What a problem file may say, key by key, and what is wrong with one."""
