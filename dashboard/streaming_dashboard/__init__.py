"""The parts of the dashboard. It reads tables and asks Kafka how far it is; it writes nothing."""
