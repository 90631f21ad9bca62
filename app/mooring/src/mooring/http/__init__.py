"""HTTP/1.1 on the side of a server, without input or output: parse requests, check them, frame bodies and responses.

Nothing here has a socket, waits, or logs. Bytes go in; requests, content and bytes to send come out, or the one exception
that says what is wrong. So every engine of the worker shares it, and a test needs no process. It imports nothing of
`mooring.worker` and no settings: what it needs of them is `mooring.http.limits`.
"""
