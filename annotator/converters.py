"""What stands in addresses."""

from django.urls.converters import IntConverter


class NumberConverter(IntConverter):
    """A whole number that every database can hold; a longer one is an address that does not exist."""

    regex = "[0-9]{1,18}"
