"""Engine `spark`: Spark 4.0 computes and commits; its own source reads Kafka."""
