"""A far side that is played at httpx's seam, for a client that hands over less than httpx's own requests."""

import httpx

from gateway.mobilepay.exchange import Answer, Outgoing, Transport


class OverHttpx(Transport):
    """Its heirs answer httpx's requests, and so whatever is exchanged."""

    async def exchange(self, outgoing: Outgoing) -> Answer:
        origin = httpx.URL(f"{outgoing.origin.scheme}://{outgoing.origin.authority.decode()}")
        request = httpx.Request(
            outgoing.method,
            origin.copy_with(raw_path=outgoing.target),
            headers=[*outgoing.heading.fields, *outgoing.fields],
            stream=httpx.ByteStream(outgoing.body),
            extensions={"timeout": dict(outgoing.limits)}
            | ({} if outgoing.before_send is None else {"before_send": outgoing.before_send}),
        )
        request.read()
        response = await self.handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        body = b"".join([part async for part in response.stream])
        return Answer(response.status_code, response.headers, body)
