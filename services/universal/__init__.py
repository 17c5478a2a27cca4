"""The universal services: schools, general practices, health visitors and others."""
