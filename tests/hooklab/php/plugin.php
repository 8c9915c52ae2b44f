<?php
// Sends a payment as the plugin does through WordPress, and tells what went out and came back.

$payment = [
    'payment_id' => 4711,
    'payment_status' => 'completed',
    'payment_total' => '$ 29.00',
    'payment_total_raw' => 29.0,
    'payment_product_names' => 'Café Größe 日本 🎉',
    'payment_invoice_url' => 'https://network.example/?action=invoice&reference=A1B2C3D4E5',
    'membership_id' => 12,
    'membership_status' => 'active',
    'customer_id' => 5,
    'customer_name' => 'Zoë "Z" O\'Neill',
    'customer_billing_address' => "1 Main St\nSpringfield",
    'wu_version' => '2.4.13-beta.1',
];
$body = json_encode($payment);

$curl = curl_init($argv[1]);
curl_setopt_array($curl, [
    CURLOPT_CUSTOMREQUEST => 'POST',
    CURLOPT_POSTFIELDS => $body,
    CURLOPT_USERAGENT => 'WordPress/6.8; https://network.example',
    CURLOPT_ENCODING => 'deflate, gzip, br',
    CURLOPT_HTTPHEADER => ['Accept: */*', 'Content-Type: application/json', 'Connection: close', 'Expect:'],
    CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
    CURLOPT_CONNECTTIMEOUT => 10,
    CURLOPT_TIMEOUT => 45,
    CURLOPT_RETURNTRANSFER => true,
    CURLINFO_HEADER_OUT => true,
]);
$answer = curl_exec($curl);
if ($answer === false) {
    fwrite(STDERR, curl_error($curl) . "\n");
    exit(1);
}
echo json_encode([
    'status' => curl_getinfo($curl, CURLINFO_RESPONSE_CODE),
    'answer' => $answer,
    'head' => curl_getinfo($curl, CURLINFO_HEADER_OUT),
    'body' => $body,
]);
