<?php // install.php DOCROOT URL TITLE PASSWORD
[, $docroot, $url, $title, $password] = $argv;
$_SERVER['HTTP_HOST'] = parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT);
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_URI'] = '/';
define('WP_INSTALLING', true);
define('WP_SITEURL', $url);
require $docroot . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';
$made = wp_install($title, 'owner', 'owner@shop.example', true, '', $password);
if (empty($made['user_id'])) {
    exit(1);
}
