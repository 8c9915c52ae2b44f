-- A webhook's POST: about ten headers, a body of BODY_BYTES.
local size = tonumber(os.getenv("BODY_BYTES") or "1024")
wrk.method = "POST"
wrk.body = '{"data":"' .. string.rep("x", size - 11) .. '"}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["User-Agent"] = "hooklab-bench/1"
wrk.headers["Accept"] = "*/*"
wrk.headers["Accept-Encoding"] = "deflate, gzip, br"
wrk.headers["webhook-id"] = "evt_0199aaaabbbbccccddddeeeeffff0000"
wrk.headers["webhook-timestamp"] = "1790000000"
wrk.headers["webhook-signature"] = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
wrk.headers["X-Request-Id"] = "6f1c8b6e-52d3-4d2a-8c43-8f3f6d0f2a11"

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('RESULT {"requests":%d,"us":%d,"p50_us":%d,"p99_us":%d,"bad":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
