<?php // cron.php NOW: what must never run on a copy. It charges what is due, sends what waits, and writes down that it ran.
require __DIR__ . '/config.php';
require $whmcspath . '/includes/connect.php';
$database = whmcs_connect(rtrim($whmcspath, '/'));
$now = gmdate('Y-m-d H:i:s', (int) $argv[1]);
$note = $database->prepare("INSERT INTO tblactivitylog (date, description, user) VALUES (?, ?, 'System')");
$note->execute([$now, 'Cron Job: Starting']);

$asked = $database->query("SELECT value FROM tblpaymentgateways WHERE gateway = 'localgateway' AND setting = 'gatewayurl'");
$gateway = $asked->fetch_row()[0];
$due = $database->prepare("SELECT id, userid, total FROM tblinvoices WHERE status = 'Unpaid' AND duedate <= ? ORDER BY id LIMIT 3");
$due->execute([substr($now, 0, 10)]);
$charged = 0;
foreach ($due->get_result()->fetch_all(MYSQLI_ASSOC) as $invoice) {
    $request = ['method' => 'POST', 'header' => 'Content-Type: application/json', 'timeout' => 10, 'content' => json_encode($invoice)];
    $answer = @file_get_contents($gateway, false, stream_context_create(['http' => $request]));
    $database->prepare('UPDATE tblinvoices SET last_capture_attempt = ? WHERE id = ?')->execute([$now, $invoice['id']]);
    if ($answer === false) {
        continue;
    }
    $database->begin_transaction();
    $paid = $database->prepare("INSERT INTO tblaccounts (userid, currency, gateway, date, description, amountin, transid, invoiceid)
        VALUES (?, 1, 'localgateway', ?, 'Invoice Payment', ?, ?, ?)");
    $paid->execute([$invoice['userid'], $now, $invoice['total'], 'cron-' . $invoice['id'], $invoice['id']]);
    $database->prepare("UPDATE tblinvoices SET status = 'Paid', datepaid = ? WHERE id = ?")->execute([$now, $invoice['id']]);
    $database->commit();
    $charged++;
}

function whmcs_mail(string $host, int $port, array $mail): bool
{
    $server = @fsockopen($host, $port, $code, $error, 10);
    if (!$server) {
        return false;
    }
    stream_set_timeout($server, 10);
    $text = "From: billing@hosting.example\r\nTo: {$mail['to']}\r\nSubject: {$mail['subject']}\r\n\r\n{$mail['message']}\r\n.";
    $talk = [[null, 220], ['HELO billing.example', 250], ['MAIL FROM:<billing@hosting.example>', 250], ["RCPT TO:<{$mail['to']}>", 250], ['DATA', 354], [$text, 250]];
    foreach ($talk as [$line, $expected]) {
        if ($line !== null) {
            fwrite($server, $line . "\r\n");
        }
        if ((int) fgets($server) !== $expected) {
            return false;
        }
    }
    fwrite($server, "QUIT\r\n");
    return true;
}

$host = whmcs_setting($database, 'SMTPHost');
$port = (int) whmcs_setting($database, 'SMTPPort');
$sent = 0;
foreach ($database->query('SELECT id, `to`, subject, message FROM tblemails WHERE pending = 1 ORDER BY id')->fetch_all(MYSQLI_ASSOC) as $mail) {
    if (whmcs_mail($host, $port, $mail)) {
        $database->query('UPDATE tblemails SET pending = 0 WHERE id = ' . (int) $mail['id']);
        $sent++;
    }
}
$database->prepare("UPDATE tblconfiguration SET value = ?, updated_at = ? WHERE setting IN ('lastCronInvocationTime', 'lastDailyCronInvocationTime')")->execute([$now, $now]);
$database->prepare('UPDATE tbltask_status SET last_run = ?, next_due = ? + INTERVAL 5 MINUTE')->execute([$now, $now]);
$note->execute([$now, "Cron Job: Completed, $charged charged, $sent sent"]);
echo "charged $charged, sent $sent\n";
