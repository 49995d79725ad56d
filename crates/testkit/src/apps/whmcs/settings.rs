//! What an install of WHMCS has however large it is: settings, products, servers, staff, tasks and storage.

use super::business::PRODUCTS;
use super::script::{Cell, Script};
use super::{Places, WhmcsOptions};

/// What is stored where, as WHMCS names it: the asset, and which folder holds it.
const ASSETS: [(&str, bool); 7] = [
    ("client_files", true),
    ("downloads", false),
    ("email_attachments", false),
    ("template_attachments", false),
    ("pm_files", true),
    ("ticket_attachments", true),
    ("kb_images", true),
];

pub(super) fn write(script: &mut Script, options: &WhmcsOptions, places: &Places) {
    let at = Cell::Instant(options.until_s);
    let version = if options.is_legacy { "6.3.1-release.1" } else { "8.10.1-release.1" };
    let settings: Vec<(&str, String)> = vec![
        ("Version", version.to_owned()),
        ("CompanyName", "Ångström Hosting".to_owned()),
        ("Email", "billing@hosting.example".to_owned()),
        ("SystemURL", "https://billing.hosting.example/".to_owned()),
        ("Language", "english".to_owned()),
        ("MailType", "smtp".to_owned()),
        ("SMTPHost", options.mail_host.clone()),
        ("SMTPPort", options.mail_port.to_string()),
        ("lastCronInvocationTime", String::new()),
        ("lastDailyCronInvocationTime", String::new()),
        ("MaintenanceMode", String::new()),
        ("TaxEnabled", "on".to_owned()),
        ("Charset", "utf-8".to_owned()),
    ];
    for (setting, value) in settings {
        script.insert(
            "tblconfiguration",
            &[("setting", setting.into()), ("value", value.into()), ("created_at", at.clone())],
        );
    }
    for (number, (id, name, pence)) in PRODUCTS.iter().enumerate() {
        script.insert(
            "tblproducts",
            &[
                ("id", (*id).into()),
                ("type", "hostingaccount".into()),
                ("gid", (1 + number as u64 / 2).into()),
                ("name", (*name).into()),
                ("paytype", "recurring".into()),
                ("servertype", "plesk".into()),
                ("tax", 1.into()),
            ],
        );
        script.insert(
            "tblpricing",
            &[
                ("type", "product".into()),
                ("currency", 1.into()),
                ("relid", (*id).into()),
                ("msetupfee", Cell::Money(500)),
                ("monthly", Cell::Money(*pence)),
            ],
        );
    }
    for name in ["Shared", "Servers"] {
        script.insert("tblproductgroups", &[("name", name.into()), ("slug", name.to_lowercase().into())]);
    }
    script.insert("tblproductconfiggroups", &[("name", "Space".into())]);
    script.insert(
        "tblproductconfigoptions",
        &[("gid", 1.into()), ("optionname", "Disk".into()), ("optiontype", "1".into())],
    );
    for size in ["10 GB", "50 GB"] {
        script.insert("tblproductconfigoptionssub", &[("configid", 1.into()), ("optionname", size.into())]);
    }
    script.insert("tbladdons", &[("name", "Daily backup".into()), ("billingcycle", "recurring".into())]);
    script.insert("tblcurrencies", &[("code", "GBP".into()), ("prefix", "£".into()), ("default", 1.into())]);
    for number in 1..=3 {
        script.insert(
            "tblservers",
            &[
                ("name", format!("plesk{number}").into()),
                ("hostname", format!("plesk{number}.hosting.example").into()),
                ("ipaddress", format!("192.0.2.{number}").into()),
                ("type", "plesk".into()),
                ("username", "admin".into()),
                ("password", "c2VjcmV0IG9mIHRoZSBzZXJ2ZXI=".into()),
                ("active", 1.into()),
            ],
        );
        script.insert(
            "tblticketdepartments",
            &[
                ("name", format!("Department {number}").into()),
                ("email", format!("d{number}@hosting.example").into()),
            ],
        );
        script.insert(
            "tbladmins",
            &[
                ("uuid", format!("00000000-0000-4000-9000-{number:012x}").into()),
                ("roleid", 1.into()),
                ("username", format!("admin{number}").into()),
                ("firstname", "Sam".into()),
                ("lastname", "Admin".into()),
                ("email", format!("admin{number}@hosting.example").into()),
            ],
        );
    }
    script.insert("tbladminroles", &[("name", "Full Administrator".into())]);
    for permission in 1..=40 {
        script.insert("tbladminperms", &[("roleid", 1.into()), ("permid", permission.into())]);
    }
    for status in ["Open", "Answered", "Customer-Reply", "Closed"] {
        script.insert("tblticketstatuses", &[("title", status.into())]);
    }
    for (setting, value) in [("name", "Local Gateway"), ("gatewayurl", options.gateway_url.as_str())] {
        script.insert(
            "tblpaymentgateways",
            &[("gateway", "localgateway".into()), ("setting", setting.into()), ("value", value.into())],
        );
    }
    script.insert(
        "tblregistrars",
        &[
            ("registrar", "localregistrar".into()),
            ("setting", "ApiKey".into()),
            ("value", "a2V5IG9mIHRoZSByZWdpc3RyYXI=".into()),
        ],
    );
    script.insert(
        "tblcustomfields",
        &[("type", "client".into()), ("fieldname", "Purchase order".into()), ("fieldtype", "text".into())],
    );
    for (number, task) in [
        "CreateInvoices",
        "ProcessCreditCardPayments",
        "InvoiceReminders",
        "AutoSuspensions",
        "CloseInactiveTickets",
    ]
    .iter()
    .enumerate()
    {
        let id = number as u64 + 1;
        script.insert(
            "tbltask",
            &[
                ("id", id.into()),
                ("class_name", format!("Cron\\Task\\{task}").into()),
                ("name", (*task).into()),
                ("frequency", 1440.into()),
            ],
        );
        script.insert(
            "tbltask_status",
            &[
                ("task_id", id.into()),
                ("last_run", at.clone()),
                ("next_due", Cell::Instant(options.until_s + 300)),
            ],
        );
    }
    storage(script, places);
    let private = "-----BEGIN CANARY PRIVATE KEY-----\nno key at all\n-----END CANARY PRIVATE KEY-----";
    script.insert(
        "tblrsakeypairs",
        &[("identifier", "oauth".into()), ("private_key", private.into()), ("algorithm", "RS256".into())],
    );
    script.insert("tblknowledgebasecats", &[("name", "E-mail".into())]);
    script.insert(
        "tblknowledgebase",
        &[("title", "How do I set up e-mail?".into()), ("article", "Like this.".into())],
    );
    script.insert("tblknowledgebaselinks", &[("categoryid", 1.into()), ("articleid", 1.into())]);
    script.insert("tbldownloadcats", &[("name", "Manuals".into())]);
    script.insert(
        "tbldownloads",
        &[("category", 1.into()), ("title", "Manual".into()), ("location", "manual.pdf".into())],
    );
    script.insert(
        "tblclientsfiles",
        &[
            ("userid", 1.into()),
            ("title", "Contract".into()),
            ("filename", "contract_0001.pdf".into()),
            ("dateadded", Cell::Day(options.until_s)),
        ],
    );
}

fn storage(script: &mut Script, places: &Places) {
    for (name, path) in [("Attachments", &places.attachments), ("Downloads", &places.downloads)] {
        let settings = format!("{{\"local_path\":\"{}\"}}", path.display());
        script.insert(
            "tblstorageconfigurations",
            &[
                ("name", name.into()),
                ("handler", "LocalStorage".into()),
                ("settings", settings.into()),
                ("is_local", 1.into()),
            ],
        );
    }
    for (asset, is_attachment) in ASSETS {
        let configuration = if is_attachment { 1 } else { 2 };
        script.insert(
            "tblfileassetsettings",
            &[("asset_type", asset.into()), ("storageconfiguration_id", configuration.into())],
        );
    }
}
