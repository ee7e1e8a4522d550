#!/usr/bin/perl
# send.pl PORT plain|starttls|tls FROM TO SUBJECT: one message by Net::SMTP.
# Prints the reply that decided; status 0 when the message was taken, 1 when it was refused.
use strict;
use warnings;
use Net::SMTP;

my ($port, $mode, $from, $to, $subject) = @ARGV;
my @tls = (SSL_verify_mode => 0);
my $smtp = Net::SMTP->new('127.0.0.1', Port => $port, Hello => 'client.example', Timeout => 20,
    $mode eq 'tls' ? (SSL => 1, @tls) : ()) or die "no session: $@";

sub finish {
    my ($status) = @_;
    print $smtp->code, ' ', $smtp->message;
    $smtp->quit;
    exit $status;
}

if ($mode eq 'starttls') {
    $smtp->starttls(@tls) or finish(2);
}
$smtp->mail($from) or finish(1);
$smtp->to($to) or finish(1);
$smtp->data("From: <$from>\n", "To: <$to>\n", "Subject: $subject\n", "\n", "By Net::SMTP.\n",
    ".a line that begins with a dot\n") or finish(1);
finish(0);
