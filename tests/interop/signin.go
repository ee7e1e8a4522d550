// signin PORT starttls|tls PLAIN USER PASSWORD TO SUBJECT CA: signs in by Go's net/smtp and sends.
// Prints the replies that decide.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/smtp"
	"os"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	port, mode, user, password, to, subject, ca := os.Args[1], os.Args[2], os.Args[4], os.Args[5],
		os.Args[6], os.Args[7], os.Args[8]
	pem, err := os.ReadFile(ca)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	name := "mx.demo.example"
	config := &tls.Config{RootCAs: pool, ServerName: name}
	var client *smtp.Client
	if mode == "tls" {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, config)
		check(err)
		client, err = smtp.NewClient(conn, name)
		check(err)
	} else {
		client, err = smtp.Dial("127.0.0.1:" + port)
		check(err)
		check(client.Hello("client.example"))
		check(client.StartTLS(config))
	}
	// net/smtp signs in only where the name that it dialled is the one of the AUTH.
	host := name
	if mode != "tls" {
		host = "127.0.0.1"
	}
	check(client.Auth(smtp.PlainAuth("", user, password, host)))
	fmt.Println("235 signed in")
	check(client.Mail(user))
	check(client.Rcpt(to))
	text, err := client.Data()
	check(err)
	_, err = fmt.Fprintf(text, "From: <%s>\r\nTo: <%s>\r\nSubject: %s\r\n\r\nBy Go.\r\n", user, to, subject)
	check(err)
	check(text.Close())
	check(client.Quit())
}
