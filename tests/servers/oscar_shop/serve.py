"""Serves the shop on loopback: serve.py PORT."""

import socketserver
import sys
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from django.core.wsgi import get_wsgi_application


class Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Handler(WSGIRequestHandler):
    def log_message(self, *args):
        """Says nothing."""


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
server.set_app(get_wsgi_application())
server.serve_forever()
