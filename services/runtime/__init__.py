"""What every service stands on: settings, logging, JetStream, settlement and storage."""
