# A real HTTP server for tests: what is posted lies as files in a folder, headers first.
import os, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

folder, port = sys.argv[1:]


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        answer = os.path.join(folder, "answer")
        status = int(open(answer).read()) if os.path.exists(answer) else 204
        if status < 300:
            name = str(time.time_ns())
            head = self.path + "\n" + "".join(f"{key.lower()}: {value}\n" for key, value in self.headers.items()) + "\n"
            with open(os.path.join(folder, "new-" + name), "wb") as file:
                file.write(head.encode() + body)
            os.rename(os.path.join(folder, "new-" + name), os.path.join(folder, name + ".post"))
        self.send_response(status)
        if status in (301, 302, 307, 308):
            self.send_header("location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
