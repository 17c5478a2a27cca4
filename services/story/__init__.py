"""The one place where statements are kept, and the only place to erase them."""
