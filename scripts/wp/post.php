<?php
// Posts each line of standard input, a payload as JSON, to a URL with WordPress's own
// `wp_remote_post`, given what the plugin gives it. What a database would tell, hooks tell instead.
// Takes the directory of WordPress, the URL, and whether to wait for the answer.

[, $home, $url, $waits] = $argv;
define('ABSPATH', "$home/");
define('WPINC', 'wp-includes');
define('WP_CONTENT_DIR', ABSPATH . 'wp-content');
define('WP_DEBUG', true);
error_reporting(E_ALL & ~E_DEPRECATED);

// In the order of WordPress's wp-settings.php; a release has what it has.
$files = [
    'version', 'compat-utf8', 'compat', 'load', 'class-wp-error', 'plugin', 'class-wp-list-util',
    'default-constants', 'utf8', 'functions', 'l10n', 'formatting', 'kses', 'general-template',
    'link-template', 'class-wp-http', 'class-wp-http-streams', 'class-wp-http-curl',
    'class-wp-http-proxy', 'class-wp-http-cookie', 'class-wp-http-encoding',
    'class-wp-http-response', 'class-wp-http-requests-response', 'class-wp-http-requests-hooks',
    'http',
];
foreach ($files as $file) {
    $path = ABSPATH . WPINC . "/$file.php";
    if (file_exists($path)) {
        require_once $path;
    }
}
add_filter('pre_option_home', fn () => 'https://network.example');
// The two things that an installation decides: its release, and what its libcurl can decode.
$version = get_bloginfo('version');
add_filter('http_headers_useragent', fn ($agent) => str_replace("/$version;", '/6.9;', $agent));
$codings = 'deflate, gzip, br';
add_action('http_api_curl', fn ($curl) => curl_setopt($curl, CURLOPT_ENCODING, $codings));

while (($line = fgets(STDIN)) !== false) {
    $payload = json_decode($line, false, 512, JSON_THROW_ON_ERROR);
    $payload->wu_version ??= '2.4.13';
    $answer = wp_remote_post($url, [
        'method' => 'POST',
        'timeout' => 45,
        'redirection' => 5,
        'headers' => ['Content-Type' => 'application/json'],
        'cookies' => [],
        'body' => wp_json_encode($payload),
        'blocking' => $waits === 'yes',
    ]);
    if (is_wp_error($answer)) {
        fwrite(STDERR, $answer->get_error_message() . "\n");
        exit(1);
    }
}
echo $version, "\n";
