<?php // fill.php DOCROOT URL MARKER POSTS; prints the path of the page with the marker
[, $docroot, $url, $marker, $posts] = $argv;
$_SERVER['HTTP_HOST'] = parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT);
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['REQUEST_URI'] = '/';
require $docroot . '/wp-load.php';
require_once ABSPATH . 'wp-admin/includes/image.php';

$made = [];
for ($number = 1; $number <= (int) $posts; $number++) {
    $made[] = wp_insert_post([
        'post_title' => "Bread of the week $number \u{1F35E}",
        'post_content' => str_repeat("Crust, crumb and caf\u{E9} number $number \u{1F600}. ", 60),
        'post_status' => 'publish',
    ]);
}
$made[] = $page = wp_insert_post([
    'post_type' => 'page',
    'post_title' => 'Opening hours',
    'post_content' => "Monday to Saturday. $marker",
    'post_status' => 'publish',
]);

$uploads = wp_upload_dir();
$picture = imagecreatetruecolor(1600, 1200);
for ($row = 0; $row < 1200; $row += 40) {
    $colour = imagecolorallocate($picture, $row % 255, ($row * 7) % 255, ($row * 13) % 255);
    imagefilledrectangle($picture, 0, $row, 1600, $row + 39, $colour);
}
$file = $uploads['path'] . '/storefront.jpg';
imagejpeg($picture, $file, 90);
$about = ['post_mime_type' => 'image/jpeg', 'post_title' => 'storefront', 'post_status' => 'inherit'];
$made[] = $attachment = wp_insert_attachment($about, $file);
$sizes = wp_generate_attachment_metadata($attachment, $file);
wp_update_attachment_metadata($attachment, $sizes);
if (in_array(0, $made, true) || count($sizes['sizes'] ?? []) < 3) {
    exit(1);
}
echo wp_make_link_relative(get_permalink($page));
