"""Hand-written NumPy programs, and bugs put into their source text: is each placed, and named?"""
