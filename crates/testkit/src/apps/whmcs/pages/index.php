<?php // A stand-in for the client area: what it shows comes out of the database.
require __DIR__ . '/includes/connect.php';
try {
    $database = whmcs_connect(__DIR__);
    $company = whmcs_setting($database, 'CompanyName');
    $clients = $database->query("SELECT COUNT(*) FROM tblclients WHERE status = 'Active'")->fetch_row()[0];
    $invoice = $database->query('SELECT id, total, status FROM tblinvoices ORDER BY id DESC LIMIT 1')->fetch_assoc();
} catch (Throwable $error) {
    http_response_code(500);
    exit('Down for maintenance: ' . htmlspecialchars($error->getMessage()));
}
header('Content-Type: text/html; charset=utf-8');
?><!DOCTYPE html>
<title><?= htmlspecialchars($company) ?></title>
<h1><?= htmlspecialchars($company) ?></h1>
<p>Active clients: <?= $clients ?></p>
<p>Newest invoice: #<?= $invoice['id'] ?> <?= $invoice['total'] ?> <?= $invoice['status'] ?></p>
