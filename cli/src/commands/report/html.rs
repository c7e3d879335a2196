//! A report as one page: no script, no image, no font from elsewhere; charts are SVG in the page.

use std::fmt::Write as _;

use super::gather::{Gathered, Row};
use crate::output::safe;

const STYLE: &str = "
:root{--ink:#1c2430;--soft:#5b6675;--line:#d9dee5;--hard:#b3261e;--block:#8a4fb0;--wait:#c98a1b;--ok:#2e7d4f;--bg:#fff}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#38414d;--bg:#14181e;--hard:#ff7b72;--block:#c79bea;--wait:#e5b35b;--ok:#6cc391}}
*{box-sizing:border-box}body{margin:0 auto;max-width:62rem;padding:1.5rem;font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--bg)}
h1{font-size:1.5rem;margin:0 0 .2rem}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0;color:var(--soft)}
.cards{display:flex;flex-wrap:wrap;gap:.8rem;margin:1rem 0}.card{border:1px solid var(--line);border-radius:6px;padding:.6rem .9rem;min-width:8.5rem}
.card b{display:block;font-size:1.5rem;font-weight:600}.card span{color:var(--soft);font-size:.85rem}.bad b{color:var(--hard)}.good b{color:var(--ok)}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.28rem .5rem;border-bottom:1px solid var(--line);vertical-align:top}
th{color:var(--soft);font-weight:600}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.t{overflow-wrap:anywhere}
svg{max-width:100%;height:auto}svg text{fill:var(--soft);font:11px system-ui,sans-serif}.h{fill:var(--hard)}.b{fill:var(--block)}.s{fill:var(--wait)}.axis{stroke:var(--line)}
.key i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin:0 .3em 0 1em}
@media print{:root{--ink:#000;--soft:#444;--bg:#fff;--line:#bbb;--hard:#b3261e;--block:#8a4fb0;--wait:#c98a1b}body{max-width:none;padding:0;font-size:11px}
h2{break-after:avoid}tr,svg,.card{break-inside:avoid}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}";

/// Writes the page.
pub(super) fn write(g: &Gathered) -> String {
    let mut h = String::new();
    let _ = write!(
        h,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>Undeliverable mail</title>\
         <style>{STYLE}</style></head><body>\n<h1>Undeliverable mail</h1>\n"
    );
    let first = g.by_day.first().map_or("", |r| &r.name);
    let last = g.by_day.last().map_or("", |r| &r.name);
    let _ = writeln!(
        h,
        "<p>{}</p>",
        if first.is_empty() {
            "No bounces in this time.".to_owned()
        } else {
            format!("{first} to {last}, days in UTC")
        }
    );
    cards(&mut h, g);
    if !g.by_day.is_empty() {
        h.push_str("<h2>By day</h2>\n<p class=\"key\"><i style=\"background:var(--hard)\"></i>hard<i style=\"background:var(--block)\"></i>block and technical<i style=\"background:var(--wait)\"></i>soft</p>\n");
        days(&mut h, &g.by_day);
    }
    if !g.fix_first.is_empty() {
        h.push_str(
            "<h2>What to fix first</h2>\n<p>By how many recipients could be mailed again.</p>\n",
        );
        let rows = g.fix_first.iter().map(|f| {
            let what = f
                .blocklist
                .as_deref()
                .map_or_else(|| f.category.clone(), |b| format!("{} ({b})", f.category));
            vec![
                f.recipients.to_string(),
                f.action.replace('_', " "),
                what.replace('_', " "),
                f.provider.clone(),
                f.example.clone(),
            ]
        });
        table(
            &mut h,
            &[
                "#Recipients",
                "What to do",
                "Why",
                "Provider",
                "For example",
            ],
            rows,
        );
    }
    if !g.clusters.is_empty() {
        h.push_str("<h2>Soft bounces in clusters</h2>\n<p>A provider that puts us off on one day far more than usual.</p>\n");
        table(
            &mut h,
            &["#Soft", "#Usual", "Day", "Provider"],
            g.clusters.iter().map(|c| {
                vec![
                    c.soft.to_string(),
                    c.usual.to_string(),
                    c.day.clone(),
                    c.provider.clone(),
                ]
            }),
        );
    }
    for (name, all) in [
        ("By category", &g.by_category),
        ("By fault", &g.by_fault),
        ("By provider", &g.by_provider),
        ("By campaign", &g.by_campaign),
    ] {
        if all.is_empty() {
            continue;
        }
        let _ = writeln!(h, "<h2>{name}</h2>");
        bars(&mut h, all);
        if all.iter().any(|r| r.sent.is_some()) {
            let percent = |p: Option<f64>| p.map_or_else(String::new, |p| format!("{p:.2} %"));
            let rows = all.iter().map(|r| {
                vec![
                    r.name.clone(),
                    r.bounces.to_string(),
                    r.hard.to_string(),
                    r.sent.map_or_else(String::new, |s| s.to_string()),
                    percent(r.rate),
                    percent(r.hard_rate),
                ]
            });
            table(
                &mut h,
                &["Name", "#Bounces", "#Hard", "#Sent", "#Rate", "#Hard rate"],
                rows,
            );
        }
    }
    if !g.domains.is_empty() {
        h.push_str("<h2>Domains</h2>\n");
        table(
            &mut h,
            &["#Dead addresses", "Domain", "Why"],
            g.domains
                .iter()
                .map(|d| vec![d.dead.to_string(), d.domain.clone(), d.why.clone()]),
        );
    }
    if !g.unclassified.is_empty() {
        h.push_str(
            "<h2>What nobody could classify</h2>\n<p>Replies that are alike stand together.</p>\n",
        );
        table(
            &mut h,
            &["#Count", "For example"],
            g.unclassified
                .iter()
                .map(|u| vec![u.count.to_string(), u.example.clone()]),
        );
    }
    h.push_str("</body></html>\n");
    h
}

fn cards(h: &mut String, g: &Gathered) {
    h.push_str("<div class=\"cards\">");
    let mut card = |class: &str, value: &str, name: &str| {
        let _ = write!(
            h,
            "<div class=\"card {class}\"><b>{}</b><span>{}</span></div>",
            escape(value),
            escape(name)
        );
    };
    card("", &g.total.bounces.to_string(), "bounces");
    card("", &g.total.hard.to_string(), "hard");
    card("", &g.complaints.to_string(), "complaints");
    for b in &g.benchmarks {
        card(
            if b.ok { "good" } else { "bad" },
            &format!("{} %", b.rate),
            &format!("{}, advised below {} %", b.name, b.below),
        );
    }
    h.push_str("</div>\n");
    for b in &g.benchmarks {
        let _ = writeln!(
            h,
            "<p>{}, below {} %: {}.</p>",
            escape(b.name),
            b.below,
            escape(b.from)
        );
    }
}

#[allow(clippy::cast_precision_loss, reason = "pixels")]
fn days(h: &mut String, rows: &[Row]) {
    let (width, height, left) = (960.0, 220.0, 44.0);
    // More days than pixels would help nobody: the last ones.
    let rows = &rows[rows.len().saturating_sub(180)..];
    let most = rows.iter().map(|r| r.bounces).max().unwrap_or(1).max(1) as f64;
    let step = (width - left) / rows.len() as f64;
    let _ = write!(
        h,
        "<svg viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"Bounces by day\">",
        height + 24.0
    );
    for part in [0.0, 0.5, 1.0] {
        let y = height - part * (height - 12.0);
        let _ = write!(
            h,
            "<line class=\"axis\" x1=\"{left}\" x2=\"{width}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>",
            left - 6.0,
            y + 4.0,
            most * part
        );
    }
    let every = (rows.len() / 8).max(1);
    for (i, r) in rows.iter().enumerate() {
        let x = left + i as f64 * step;
        let mut y = height;
        for (class, n) in [("h", r.hard), ("b", r.block), ("s", r.soft)] {
            let tall = n as f64 / most * (height - 12.0);
            y -= tall;
            if n > 0 {
                let _ = write!(
                    h,
                    "<rect class=\"{class}\" x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"><title>{}: {n}</title></rect>",
                    x + step * 0.1,
                    (step * 0.8).clamp(0.5, 60.0),
                    r.name
                );
            }
        }
        if i % every == 0 {
            let _ = write!(
                h,
                "<text x=\"{:.1}\" y=\"{}\">{}</text>",
                x,
                height + 16.0,
                r.name.get(5..).unwrap_or(&r.name)
            );
        }
    }
    h.push_str("</svg>\n");
}

#[allow(clippy::cast_precision_loss, reason = "pixels")]
fn bars(h: &mut String, rows: &[Row]) {
    let (width, left, line) = (960.0, 260.0, 22.0);
    let most = rows.iter().map(|r| r.bounces).max().unwrap_or(1).max(1) as f64;
    let _ = write!(
        h,
        "<svg viewBox=\"0 0 {width} {}\" role=\"img\" aria-label=\"Bars\">",
        rows.len() as f64 * line
    );
    for (i, r) in rows.iter().enumerate() {
        let y = i as f64 * line;
        let name: String = r.name.chars().take(40).collect();
        let _ = write!(
            h,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            left - 8.0,
            y + 15.0,
            escape(&name)
        );
        let mut x = left;
        for (class, n) in [("h", r.hard), ("b", r.block), ("s", r.soft)] {
            let wide = n as f64 / most * (width - left - 70.0);
            if n > 0 {
                let _ = write!(
                    h,
                    "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\"/>",
                    y + 3.0,
                    wide.max(0.8),
                    line - 6.0
                );
            }
            x += wide;
        }
        let _ = write!(
            h,
            "<text x=\"{:.1}\" y=\"{}\">{}</text>",
            x + 6.0,
            y + 15.0,
            r.bounces
        );
    }
    h.push_str("</svg>\n");
}

/// A column whose name begins with `#` holds numbers.
fn table(h: &mut String, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let class = |c: &str| if c.starts_with('#') { "n" } else { "t" };
    h.push_str("<table><thead><tr>");
    for c in columns {
        let _ = write!(
            h,
            "<th class=\"{}\">{}</th>",
            class(c),
            escape(c.trim_start_matches('#'))
        );
    }
    h.push_str("</tr></thead><tbody>\n");
    for row in rows {
        h.push_str("<tr>");
        for (cell, c) in row.iter().zip(columns) {
            let _ = write!(h, "<td class=\"{}\">{}</td>", class(c), escape(cell));
        }
        h.push_str("</tr>\n");
    }
    h.push_str("</tbody></table>\n");
}

/// Text from mail, as text: no tag, no attribute, no direction override gets through.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in safe::text(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}
