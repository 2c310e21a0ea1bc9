"""The whole system on one machine: an embedded broker, the sandbox, the gateway, and a conductor. Extra
`demo`.
"""
