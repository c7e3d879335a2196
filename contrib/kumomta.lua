-- KumoMTA: hand incoming reports to the program through the local spool of a Maildir, which `undeliverable scan --record`
-- reads from cron. KumoMTA runs no pipes of its own; it writes a Maildir with its own delivery protocol.
-- https://docs.kumomta.com/reference/kumo/make_queue_config/
--
-- Not run by the tests: Debian has no package of KumoMTA.

local kumo = require 'kumo'

kumo.on('get_queue_config', function(domain, tenant, campaign, routing_domain)
  if domain == 'bounces.example.org' then
    return kumo.make_queue_config {
      protocol = { maildir_path = '/var/spool/bounces/Maildir' },
    }
  end
end)

-- crontab of the user that owns the Maildir:
--   */5 * * * * undeliverable scan --record --summary --db /var/lib/undeliverable/ledger.sqlite /var/spool/bounces/Maildir
