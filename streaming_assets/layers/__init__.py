"""What each layer means, whatever the engine: where Bronze goes on, in which order tables follow, what holds."""
