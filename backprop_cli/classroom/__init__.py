"""A problem and a class: numbers of everyone's own, hand-ins, replies, practice, exercises."""
