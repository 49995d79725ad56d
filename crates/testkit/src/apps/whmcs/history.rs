//! The past of an install, in the proportions of a real one of middling size: most rows are invoices' and tickets', and most
//! bytes are those of logs that nobody reads.

use super::WhmcsOptions;
use super::business::{Business, DAY_S};

/// Rows of an install of middling size (scale 1), as its counters tell. Those not here follow from these.
pub(super) const ROWS: [(&str, u64); 15] = [
    ("tblclients", 1_100),
    ("tblhosting", 900),
    ("tbldomains", 500),
    ("tblorders", 1_300),
    ("tblinvoices", 7_000),
    ("tblaccounts", 5_000),
    ("tbltickets", 400),
    ("tblticketreplies", 350),
    ("tbltransaction_history", 22_000),
    ("tblemails", 66_000),
    ("tblactivitylog", 255_000),
    ("tblmodulelog", 619_000),
    ("tblerrorlog", 128_000),
    ("tblgatewaylog", 1_800),
    ("tbltodolist", 900),
];
const PRICES: u64 = 7_800;
const SPAN_S: u64 = 6 * 365 * DAY_S;

/// How many rows of a table there are at a scale, four at least.
pub(super) fn rows(table: &str, scale: f64) -> u64 {
    let (_, rows) = ROWS.iter().find(|(name, _)| *name == table).expect("it is one of them");
    scaled(*rows, scale)
}

fn scaled(rows: u64, scale: f64) -> u64 {
    ((rows as f64 * scale).round() as u64).max(4)
}

/// Whether the event `number` of `all` is one of `some`, evenly spread. The first is: nothing is renewed before an order.
fn is_due(number: u64, some: u64, all: u64) -> bool {
    ((number + 1) * some).div_ceil(all) > (number * some).div_ceil(all)
}

pub(super) fn live(business: &mut Business, options: &WhmcsOptions) {
    let count = |table| rows(table, options.scale);
    let begin = options.until_s - SPAN_S;
    for number in 0..count("tblclients") {
        business.sign_up(begin + number * 60);
    }
    let (invoices, orders, paid) = (count("tblinvoices"), count("tblorders"), count("tblaccounts"));
    let mut order = 0;
    for number in 0..invoices {
        let at = begin + 30 * DAY_S + (SPAN_S - 60 * DAY_S) / invoices * number;
        let is_paid = is_due(number, paid, invoices);
        if is_due(number, orders, invoices) {
            let has_domain = is_due(orders - 1 - order, count("tbldomains"), orders);
            business.order(at, is_due(order, count("tblhosting"), orders), has_domain, is_paid);
            order += 1;
        } else {
            business.renewal(at, is_paid);
        }
    }
    let tickets = count("tbltickets");
    for number in 0..tickets {
        business.ticket(begin + 40 * DAY_S + (SPAN_S - 60 * DAY_S) / tickets * number);
    }
    for number in 0..count("tblticketreplies") {
        business.reply(begin + 50 * DAY_S + number * 3600);
    }
    logs(business, options);
}

/// Tables of which only the number of rows matters are made by the server itself, which is a hundred times faster.
fn logs(business: &mut Business, options: &WhmcsOptions) {
    let (seed, end) = (options.seed, options.until_s);
    let (clients, invoices) = (rows("tblclients", options.scale), rows("tblinvoices", options.scale));
    let mut fill = |table: &str, count: u64, columns: &str, values: &str| {
        let step = (SPAN_S / count.max(1)).max(1);
        let values = values
            .replace("{at}", &format!("FROM_UNIXTIME({end}-({count}-seq)*{step})"))
            .replace("{client}", &format!("(1+CRC32(CONCAT('{seed}c',seq))%{clients})"))
            .replace("{invoice}", &format!("(1+CRC32(CONCAT('{seed}i',seq))%{invoices})"))
            .replace("{noise}", &format!("MD5(CONCAT('{seed}n',seq))"));
        business
            .script
            .run(&format!("INSERT INTO {table} ({columns}) SELECT {values} FROM seq_1_to_{count}"));
    };
    let count = |table| rows(table, options.scale);
    let already = count("tblorders");
    fill(
        "tblactivitylog",
        count("tblactivitylog").saturating_sub(already).max(1),
        "date,description,user,userid,ipaddr",
        "{at},CONCAT('Cron Job: Completed ',seq),ELT(1+seq%3,'System','admin1','Client'),{client},CONCAT('192.0.2.',seq%250)",
    );
    fill(
        "tblmodulelog",
        count("tblmodulelog"),
        "date,module,action,request,response,arrdata",
        "{at},ELT(1+seq%3,'plesk','localregistrar','localgateway'),ELT(1+seq%4,'Usage','Sync','Create','Renew'),CONCAT('<packet id=\"',{noise},'\"><get/></packet>'),CONCAT(REPEAT('<result><status>ok</status></result>',3+seq%9),{noise}),''",
    );
    fill(
        "tblerrorlog",
        count("tblerrorlog"),
        "severity,exception_class,message,filename,line,details,created_at",
        "'warning','ErrorException',CONCAT('Undefined index: ',{noise}),'/modules/servers/plesk/plesk.php',seq%900,REPEAT('#0 call() ',8),{at}",
    );
    fill(
        "tblemails",
        count("tblemails"),
        "userid,subject,message,date,`to`,created_at",
        "{client},'Customer Invoice',CONCAT('<p>Dear customer,</p><p>',REPEAT('this is about your invoice. ',12),{noise},'</p>'),{at},CONCAT('client',{client},'@customer',{client},'.example'),{at}",
    );
    fill(
        "tbltransaction_history",
        count("tbltransaction_history"),
        "invoice_id,gateway,transaction_id,remote_status,completed,amount,currency_id,created_at",
        "{invoice},'localgateway',CONCAT('ch_',{noise}),ELT(1+seq%4,'Success','Declined','Declined','Pending'),seq%4=0,seq%9000/100,1,{at}",
    );
    fill(
        "tblgatewaylog",
        count("tblgatewaylog"),
        "date,gateway,data,result",
        "{at},'localgateway',{noise},'Successful'",
    );
    fill(
        "tbltodolist",
        count("tbltodolist"),
        "date,title,description,status,duedate",
        "DATE({at}),CONCAT('Call client ',{client}),'',ELT(1+seq%2,'Completed','New'),DATE({at})",
    );
    fill(
        "tbladminlog",
        count("tbltodolist"),
        "adminusername,logintime,logouttime,sessionid,lastvisit",
        "'admin1',{at},{at},{noise},{at}",
    );
    fill(
        "tblwhoislog",
        count("tbltodolist"),
        "date,domain,ip",
        "{at},CONCAT({noise},'.example'),'192.0.2.9'",
    );
    let prices = scaled(PRICES, options.scale);
    fill(
        "tbldomainpricing",
        prices.div_ceil(6),
        "extension,autoreg,`order`",
        "CONCAT('.tld',seq),'localregistrar',seq",
    );
    fill(
        "tblpricing",
        prices,
        "type,currency,relid,msetupfee",
        "ELT(1+seq%3,'domainregister','domaintransfer','domainrenew'),1,1+(seq-1) DIV 6,11.95",
    );
    fill(
        "tblsessions",
        count("tbltickets"),
        "session_id,payload,last_activity",
        "{noise},REPEAT({noise},9),0",
    );
    fill(
        "tbltransientdata",
        count("tbltickets"),
        "name,data,expires",
        "CONCAT('cache.',{noise}),REPEAT({noise},5),0",
    );
    // What waits to be sent when the cron runs next.
    fill(
        "tblemails",
        2,
        "userid,subject,message,date,`to`,pending,created_at",
        "{client},CONCAT('Payment reminder ',seq),'Please pay.',{at},CONCAT('client',{client},'@customer',{client},'.example'),1,{at}",
    );
}
