<?php
// Posts each line of standard input, a payload as JSON, as WordPress posts what the plugin gives it:
// json_encode as it is by default, and curl as the Requests library sets it.

while (($line = fgets(STDIN)) !== false) {
    $payload = json_decode($line, false, 512, JSON_THROW_ON_ERROR);
    $payload->wu_version ??= '2.4.13';
    $body = json_encode($payload);
    if ($body === false) {
        fwrite(STDERR, json_last_error_msg() . ": $line");
        exit(1);
    }
    $curl = curl_init($argv[1]);
    curl_setopt_array($curl, [
        CURLOPT_CUSTOMREQUEST => 'POST',
        CURLOPT_POSTFIELDS => $body,
        CURLOPT_USERAGENT => 'WordPress/6.9; https://network.example',
        // Requests gives '', which stands for whatever this libcurl can decode.
        CURLOPT_ENCODING => 'deflate, gzip, br',
        CURLOPT_HTTPHEADER => ['Content-Type: application/json', 'Connection: close', 'Expect: '],
        CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
        CURLOPT_RETURNTRANSFER => true,
    ]);
    if (curl_exec($curl) === false) {
        fwrite(STDERR, curl_error($curl) . "\n");
        exit(1);
    }
}
