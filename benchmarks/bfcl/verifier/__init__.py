"""What runs inside the sandbox: the toy APIs, called by the agent and replayed by the grader."""
