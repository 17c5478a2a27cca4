"""The guidance paragraph by paragraph: what each allows and forbids, through the real exchange."""
