"""Everything that knows Kafka: the broker, topics and lag, reading records and publishing events."""
