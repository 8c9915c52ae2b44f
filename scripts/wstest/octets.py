"""What a string was to the suite, when it was written for Python 2: octets.

The suite keeps its strings, as text of latin-1, in which each character is one octet. They become
bytes here, where they go out, and bytes become such text where they come in. Put beside the suite's
own modules by port.py.
"""

import binascii


def octets(text):
    return text.encode("latin-1") if isinstance(text, str) else text


def text(octets):
    return octets.decode("latin-1") if isinstance(octets, bytes) else octets


def b2a_hex(data):
    return text(binascii.b2a_hex(octets(data)))


class Octets:
    """Stands before the fuzzer's protocol, between its cases and the library's."""

    def sendFrame(self, opcode, payload="", payload_len=None, **how):
        payload = octets(payload)
        if payload_len is not None:
            payload = (payload * (payload_len // len(payload) + 1))[:payload_len]
        super().sendFrame(opcode, payload=payload, **how)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, octets(reasonUtf8), isReply)

    def sendMessage(self, payload, *how, **more):
        super().sendMessage(octets(payload), *how, **more)

    def sendMessageFrameData(self, payload, sync=False):
        return super().sendMessageFrameData(octets(payload), sync)

    def onMessage(self, msg, binary):
        super().onMessage(text(msg), binary)

    def onPong(self, payload):
        super().onPong(text(payload))

    def logRxFrame(self, header, payload):
        super().logRxFrame(header, [text(part) for part in payload])

    def logTxFrame(self, header, payload, *how):
        super().logTxFrame(header, text(payload), *how)
