// Clients of SMTP: each opens a connection for every mail. A mail is lost when the server does not accept it.

const CLIENTS = 3;

export async function makeClients({ port, use }) {
  const { createTransport } = await use('nodemailer');
  return Array.from({ length: CLIENTS }, () => {
    const transport = createTransport({ host: '127.0.0.1', port, secure: false, ignoreTLS: true });
    const mail = { from: 'a@example.org', to: 'b@example.org', subject: 'hello', text: 'hello' };
    return {
      ask: (number) => transport.sendMail({ ...mail, subject: `message ${number}` }),
      end: () => transport.close(),
    };
  });
}
