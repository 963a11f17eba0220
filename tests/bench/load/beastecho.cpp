// SPDX-License-Identifier: Apache-2.0
// The yardstick: Boost.Beast echoing WebSocket messages on one thread, nothing else. Prints "LISTENING port".
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <cstdio>
#include <memory>
#include <sys/prctl.h>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

class Session final : public std::enable_shared_from_this<Session> {
public:
    explicit Session(tcp::socket socket)
        : m_stream(std::move(socket))
    {
    }

    void start()
    {
        m_stream.next_layer().set_option(tcp::no_delay(true));
        m_stream.text(true);
        m_stream.async_accept([self = shared_from_this()](beast::error_code error) {
            if (!error)
                self->read();
        });
    }

private:
    void read()
    {
        m_stream.async_read(m_buffer, [self = shared_from_this()](beast::error_code error, std::size_t) {
            if (!error)
                self->write();
        });
    }
    void write()
    {
        m_stream.async_write(m_buffer.data(), [self = shared_from_this()](beast::error_code error, std::size_t size) {
            if (error)
                return;
            self->m_buffer.consume(size);
            self->read();
        });
    }

    beast::websocket::stream<tcp::socket> m_stream;
    beast::flat_buffer m_buffer;
};

void acceptOn(tcp::acceptor& acceptor)
{
    acceptor.async_accept([&acceptor](beast::error_code error, tcp::socket socket) {
        if (!error)
            std::make_shared<Session>(std::move(socket))->start();
        acceptOn(acceptor);
    });
}

} // namespace

int main()
{
    prctl(PR_SET_NAME, "media-echo");
    asio::io_context context(1);
    tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    std::printf("LISTENING %u\n", acceptor.local_endpoint().port());
    std::fflush(stdout);
    acceptOn(acceptor);
    context.run();
}
