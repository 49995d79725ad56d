<?php // post.php DOCROOT URL TITLE CONTENT; prints the path of the post
[, $docroot, $url, $title, $content] = $argv;
$_SERVER['HTTP_HOST'] = parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT);
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_URI'] = '/';
require $docroot . '/wp-load.php';
$post = wp_insert_post(['post_title' => $title, 'post_content' => $content, 'post_status' => 'publish']);
if (!$post) {
    exit(1);
}
echo wp_make_link_relative(get_permalink($post));
