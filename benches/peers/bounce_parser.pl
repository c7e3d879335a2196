# Reads every file of a folder with Mail::DeliveryStatus::BounceParser and prints the addresses.
use strict;
use warnings;
use Mail::DeliveryStatus::BounceParser;

for my $path (sort glob "$ARGV[0]/*") {
    open my $file, '<', $path or die "$path: $!";
    local $/;
    my $mail = <$file>;
    my $bounce = eval { Mail::DeliveryStatus::BounceParser->new($mail) };
    print "$path ", join(' ', $bounce ? $bounce->addresses : ()), "\n";
}
