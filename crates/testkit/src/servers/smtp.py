# A real mail server for tests: what it takes lies as files in a folder, with the envelope in the first line.
import email, os, signal, ssl, sys, time
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

folder, port, mode, certificate, key, user, password = sys.argv[1:]


def said(name):
    path = os.path.join(folder, name)
    return open(path).read() if os.path.exists(path) else ""


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address == said("unknown"):
            return "550 5.1.1 nobody of that name"
        if address == said("later"):
            return "450 4.2.0 ask again later"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 known"

    async def handle_DATA(self, server, session, envelope):
        words = said("refuse")
        if words and words in str(email.message_from_bytes(envelope.content)["Subject"]):
            return "554 5.7.1 not this one"
        login = session.auth_data.login.decode() if session.authenticated else "-"
        encrypted = "tls" if session.ssl is not None or mode == "implicit" else "clear"
        head = "\t".join([envelope.mail_from, ",".join(envelope.rcpt_tos), encrypted, login]) + "\n"
        name = str(time.time_ns())
        with open(os.path.join(folder, "new-" + name), "wb") as file:
            file.write(head.encode() + envelope.content)
        os.rename(os.path.join(folder, "new-" + name), os.path.join(folder, name + ".eml"))
        return "250 2.0.0 queued as " + name


def authenticate(server, session, envelope, mechanism, data):
    is_right = data.login == user.encode() and data.password == password.encode()
    # Not handled: the server says 535 itself.
    return AuthResult(success=is_right, handled=False, auth_data=data)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
options = {}
if mode == "starttls":
    options = dict(tls_context=context, require_starttls=True, authenticator=authenticate, auth_required=True)
elif mode == "implicit":
    options = dict(ssl_context=context)
controller = Controller(Handler(), hostname="127.0.0.1", port=int(port), **options)
controller.start()
signal.pause()
