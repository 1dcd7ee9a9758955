"""Who may do what: roles, people, passwords. One small policy that panels, command line, REST and serving ask alike."""
