"""nginx and haproxy as reverse proxies in front of a server of ours: each a context manager that gives the URL to use.

They run from a folder of their own, on free ports of 127.0.0.1, without a daemon, and are ended by their own process.
"""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

from programs import free_port

NGINX = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/errors;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{front}{secure};
    location / {{
      proxy_pass http://127.0.0.1:{back};
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
    }}
  }}
}}
"""

# Without a maxconn haproxy makes room for as many connections as it may have files, which can be a thousand million.
HAPROXY = """
global
  maxconn 100
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout tunnel 30s
frontend front
  bind 127.0.0.1:{front}
  default_backend back
backend back
  server ours 127.0.0.1:{back}
"""


@contextlib.contextmanager
def running(program, configuration, back, arguments, secure=""):
    # Debian keeps both where only root's PATH leads.
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if not found:
        raise RuntimeError(f"there is no {program}")
    with tempfile.TemporaryDirectory() as folder:
        front = free_port()
        config = pathlib.Path(folder, "configuration")
        config.write_text(configuration.format(folder=folder, front=front, back=back, secure=secure))
        with open(pathlib.Path(folder, "output"), "w") as output:
            process = subprocess.Popen([found, *arguments(folder, config)], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            wait_for(front, process, folder)
            yield f"{'wss' if secure else 'ws'}://127.0.0.1:{front}/"
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for(port, process, folder):
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args[0]} does not listen: {pathlib.Path(folder, 'output').read_text()[-2000:]}")


def nginx(back):
    """With TLS it ends there: ours stays plain."""
    tls = os.environ.get("KINDWIRE_PROXY_TLS")
    secure = f" ssl; ssl_certificate {tls}/certificate.pem; ssl_certificate_key {tls}/key.pem" if tls else ""
    arguments = lambda folder, config: ["-p", folder, "-e", f"{folder}/errors", "-c", str(config)]
    return running("nginx", NGINX, back, arguments, secure)


def haproxy(back):
    return running("haproxy", HAPROXY, back, lambda folder, config: ["-db", "-f", str(config)])
