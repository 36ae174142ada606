"""What is done to the broker, to the network, to the receiver and to its disk, one function a scenario."""
