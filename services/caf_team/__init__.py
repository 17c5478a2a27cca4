"""The team that receives step-downs and arranges early help (Common Assessment Framework)."""
