"""The words of each verb, declared once: parsing, errors, help, completion, keyword arguments."""
