// Clients of SMTP: each opens a connection for every mail. A mail is lost when the server does not accept it,
// unless the server says that it closes the connection: then the client sends the mail again.

const CLIENTS = 3;

export async function makeClients({ port, use }) {
  const { createTransport } = await use('nodemailer');
  return Array.from({ length: CLIENTS }, () => {
    const transport = createTransport({ host: '127.0.0.1', port, secure: false, ignoreTLS: true });
    const mail = { from: 'a@example.org', to: 'b@example.org', subject: 'hello', text: 'hello' };
    return {
      async ask(number) {
        const send = () => transport.sendMail({ ...mail, subject: `message ${number}` });
        // 421: the server closes the connection, and the client tries again (RFC 5321 3.8).
        await send().catch((error) => (error.responseCode === 421 ? send() : Promise.reject(error)));
      },
      end: () => transport.close(),
    };
  });
}
