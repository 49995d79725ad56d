<?php // Opens the database that configuration.php names.
function whmcs_connect(string $root): mysqli
{
    require $root . '/configuration.php';
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
    $database = new mysqli($db_host, $db_username, $db_password, $db_name, (int) ($db_port ?: 3306));
    $database->set_charset('utf8');
    $database->query("SET SESSION sql_mode='', time_zone='+00:00'");
    return $database;
}

function whmcs_setting(mysqli $database, string $name): string
{
    $asked = $database->prepare('SELECT value FROM tblconfiguration WHERE setting = ?');
    $asked->execute([$name]);
    return (string) ($asked->get_result()->fetch_row()[0] ?? '');
}
