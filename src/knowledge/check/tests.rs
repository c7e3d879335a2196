use crate::Engine;

#[test]
fn the_built_in_rules_are_sound() {
    let findings = Engine::new().check_rules();
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn unsound_rules_are_found_with_their_place() {
    const SOUND: &str = "[[rule]]\nid = \"own/quince\"\ncategory = \"mailbox_full\"\ntext = [\"quince overflow\"]\nsource = \"own sample\"\nexamples = [\"550 quince overflow\"]\n";
    // What is replaced in a sound rule, by what, and what is to be found.
    let table: &[(&str, &str, &[&str])] = &[
        ("", "", &[]),
        ("own/quince", "quince", &["id must be like own/"]),
        ("own/quince", "own/Quince_1", &["id must be like own/"]),
        ("source = \"own sample\"\n", "", &["names no source"]),
        ("source = \"own sample\"", "unverified = true", &[]),
        (
            "examples = [\"550 quince overflow\"]\n",
            "",
            &["has no example"],
        ),
        (
            "550 quince overflow\"]",
            "550 user unknown\"]",
            &["is taken by user-unknown/"],
        ),
        (
            "examples",
            "not = [\"550 5.2.2 quince overflow\"]\nexamples",
            &["stands under `not`"],
        ),
        (
            "examples",
            "details = { blocklist = \"nowhere\" }\nexamples",
            &["there is no blocklist \"nowhere\""],
        ),
        (
            "[\"quince overflow\"]",
            "[\"quince overflow\", \"user unknown\"]",
            &[
                "the line \"user unknown\" alone is taken by",
                "stands in user-unknown/",
            ],
        ),
        (
            "examples",
            "weight = 0.1\nexamples",
            &["no rule (unknown)", "is dead", "alone is taken by no rule"],
        ),
    ];
    let words = [
        "aaa", "bbb", "ccc", "ddd", "eee", "fff", "ggg", "hhh", "iii", "jjj", "kkk", "lll",
    ];
    let mut text = String::new();
    for ((from, to, _), word) in table.iter().zip(words) {
        let rule = if from.is_empty() {
            SOUND.to_owned()
        } else {
            SOUND.replace(from, to)
        };
        text.push_str(&rule.replace("uince", word));
    }
    text.push_str(
        &SOUND
            .replace("own/quince", "own/again")
            .replace("uince", words[0]),
    );
    let engine = Engine::builder()
        .rules("own.toml", text.as_str())
        .build()
        .unwrap();
    let mut found: Vec<String> = engine
        .check_rules()
        .iter()
        .map(ToString::to_string)
        .collect();
    found.retain(|f| f.starts_with("own.toml:"));
    for (i, (_, _, wanted)) in table.iter().enumerate().skip(1) {
        let line = engine
            .knowledge()
            .rules()
            .iter()
            .filter(|r| r.file == "own.toml")
            .nth(i)
            .unwrap()
            .line;
        let here: Vec<&String> = found
            .iter()
            .filter(|f| f.starts_with(&format!("own.toml:{line}:")))
            .collect();
        for f in &here {
            assert!(wanted.iter().any(|w| f.contains(w)), "unexpected: {f}");
        }
        for w in *wanted {
            assert!(
                here.iter().any(|f| f.contains(w)),
                "not found: {w} in {here:?}"
            );
        }
    }
    assert!(
        found
            .iter()
            .any(|f| f.contains("stands in own/qaaa (own.toml:1) too"))
    );
}

#[test]
fn ids_are_taken_once() {
    let engine = Engine::new();
    let k = engine.knowledge();
    let signs = k
        .signs()
        .iter()
        .map(|s| &*s.id)
        .chain(k.header_signs().iter().map(|h| &*h.id));
    let mut ids: Vec<&str> = k.rules().iter().map(|r| &*r.id).chain(signs).collect();
    ids.sort_unstable();
    let twice: Vec<_> = ids
        .windows(2)
        .filter(|w| w[0] == w[1])
        .map(|w| w[0])
        .collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn asides_that_their_examples_do_not_show_are_found() {
    const OWN: &str = "command_leads = [\"on \"]\n\n[[aside]]\nsays = \"command\"\nname = \"BDAT\"\ntext = [\"bdat\"]\nexamples = [\"550 user unknown on BDAT\"]\n";
    let found = |text: &str| {
        let engine = Engine::builder().rules("own.toml", text).build()?;
        let findings = engine.check_rules();
        Ok::<_, crate::Error>(findings.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(found(OWN).unwrap(), [""; 0]);
    let lost = found(&OWN.replace("on BDAT", "at BDAT")).unwrap();
    assert_eq!(
        lost,
        ["own.toml:3: aside BDAT: example \"550 user unknown at BDAT\" does not show it"]
    );
    for (from, to, why) in [
        (
            "[\"bdat\"]",
            "[\"BDAT\"]",
            "own.toml:3: aside: text \"BDAT\": write it in normal form",
        ),
        (
            "name = \"BDAT\"\n",
            "",
            "own.toml:3: aside: a command or a scope has a `name`",
        ),
    ] {
        let error = found(&OWN.replace(from, to)).unwrap_err().to_string();
        assert!(error.starts_with(why), "{error}");
    }
}
