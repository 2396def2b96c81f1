"""Parameters and architecture, and where everything lies in memory."""
