<?php // A stand-in for the administrators' door.
require dirname(__DIR__) . '/includes/connect.php';
try {
    $database = whmcs_connect(dirname(__DIR__));
    $version = whmcs_setting($database, 'Version');
    $staff = $database->query('SELECT COUNT(*) FROM tbladmins WHERE disabled = 0')->fetch_row()[0];
} catch (Throwable $error) {
    http_response_code(500);
    exit('Down for maintenance: ' . htmlspecialchars($error->getMessage()));
}
?><!DOCTYPE html>
<title>Admin login</title>
<form method="post"><input name="username"><input name="password" type="password"><button>Log in</button></form>
<p>Version <?= htmlspecialchars($version) ?>, <?= $staff ?> administrators</p>
