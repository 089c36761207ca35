"""The characters of a file to trees and expressions, every one with its place."""
