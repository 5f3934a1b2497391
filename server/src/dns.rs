//! Questions to DNS: who is asked, and how patiently. Everybody here who asks, asks the same servers.

pub(crate) mod ask;

use std::time::Duration;

use anyhow::Context;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;

use crate::config::Config;

/// Whom to ask and how.
///
/// # Errors
/// The machine has no usable configuration and ours names nobody.
pub(crate) fn settings(config: &Config) -> anyhow::Result<(ResolverConfig, ResolverOpts)> {
    let servers = config.dns_servers()?;
    let (found, mut options) = match servers.is_empty() {
        true => hickory_resolver::system_conf::read_system_conf().context("no DNS on this machine")?,
        false => {
            let servers = servers.into_iter().map(|address| {
                let mut server = NameServerConfig::udp_and_tcp(address.ip());
                server.connections.iter_mut().for_each(|way| way.port = address.port());
                server
            });
            (ResolverConfig::from_parts(None, Vec::new(), servers.collect()), ResolverOpts::default())
        }
    };
    options.timeout = Duration::from_secs(config.dns.seconds.clamp(1, 60));
    options.attempts = 2;
    // Room for the answers of large domains (RFC 6891), and for the bit that says they were validated.
    options.edns0 = true;
    Ok((found, options))
}

/// Somebody who asks. It remembers answers as long as they say.
///
/// # Errors
/// As [`settings`].
pub(crate) fn resolver(config: &Config) -> anyhow::Result<TokioResolver> {
    let (servers, options) = settings(config)?;
    let mut builder = TokioResolver::builder_with_config(servers, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build().context("DNS cannot be asked")
}
