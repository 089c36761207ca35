"""A wrong quantity to the known slips that explain it: wrong methods computed."""
