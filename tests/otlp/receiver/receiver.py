"""Receives OTLP over HTTP and says what came, a line of JSON for each record, as the messages of OpenTelemetry read it.

The first line is the port. Nothing is left out: a field that the messages do not know ends the program.
"""

import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

REQUESTS = {
    "/v1/logs": (logs.ExportLogsServiceRequest, "resource_logs", "scope_logs", "log_records"),
    "/v1/metrics": (metrics.ExportMetricsServiceRequest, "resource_metrics", "scope_metrics", "metrics"),
    "/v1/traces": (traces.ExportTraceServiceRequest, "resource_spans", "scope_spans", "spans"),
}


def value(any_value):
    return getattr(any_value, any_value.WhichOneof("value"))


def attributes(message):
    return {pair.key: value(pair.value) for pair in message.attributes}


def plain(record):
    """A record as JSON, with ids in hexadecimal digits and attributes as a table."""
    found = MessageToDict(record, preserving_proto_field_name=True)
    for name in ("trace_id", "span_id", "parent_span_id"):
        if name in found:
            found[name] = getattr(record, name).hex()
    if hasattr(record, "attributes"):
        found["attributes"] = attributes(record)
    for kind in ("sum", "gauge", "histogram"):
        for point, read in zip(found.get(kind, {}).get("data_points", []), getattr(record, kind, record).data_points if kind in found else []):
            point["attributes"] = attributes(read)
    return found


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        kind, resources, scopes, records = REQUESTS[self.path]
        request = kind.FromString(body)
        # What is unknown would be kept, and written again.
        known = kind.FromString(body)
        known.DiscardUnknownFields()
        if known.SerializeToString() != request.SerializeToString():
            print(json.dumps({"unknown": self.path}), flush=True)
        for resource in getattr(request, resources):
            for scope in getattr(resource, scopes):
                for record in getattr(scope, records):
                    said = {"path": self.path, "resource": attributes(resource.resource), "scope": scope.scope.name}
                    print(json.dumps({**said, "record": plain(record)}), flush=True)
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_port, flush=True)
sys.exit(server.serve_forever())
